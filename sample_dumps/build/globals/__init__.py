"""The table of the types of global variables: built from debug packages, and measured on others."""
