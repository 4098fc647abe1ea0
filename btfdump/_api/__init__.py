"""The front door of the library: functions that open kernels and types."""
