// SPDX-License-Identifier: MIT
/*
 * Runs commands in the guest for the host, one at a time, over a virtio port.
 *
 * Request:  struct request, then the arguments (each ended by NUL), then what the command reads.
 * Answer:   frames of struct frame and data: output and errors as they come, then FRAME_STATUS
 *           with an int32: the exit status, or minus the signal; FRAME_TIMEOUT before it when the
 *           command's process group was killed because its time was up.
 *
 * A command is over when its process is; what it left in the background may live on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_READY = 1, FRAME_OUTPUT, FRAME_ERRORS, FRAME_TIMEOUT, FRAME_STATUS };

struct request {
	uint32_t timeout_ms, arguments_size, input_size;
};

struct frame {
	uint32_t kind, size;
};

struct command {
	pid_t pid;
	int exited; /* a pidfd: readable when the process has ended */
	int input, output, errors;
	const char *unread;
	size_t unread_size;
};

static int port;

static void die(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void receive(void *data, size_t size)
{
	for (char *at = data; size;) {
		ssize_t got = read(port, at, size);

		if (got <= 0) {
			if (got < 0 && errno != EINTR && errno != EAGAIN)
				die("read");
			/* No host is connected: the port reads as ended. */
			usleep(10000);
			continue;
		}
		at += got;
		size -= got;
	}
}

static void send_all(const void *data, size_t size)
{
	for (const char *at = data; size;) {
		ssize_t put = write(port, at, size);

		if (put < 0) {
			if (errno != EINTR && errno != EAGAIN)
				die("write");
			usleep(10000);
			continue;
		}
		at += put;
		size -= put;
	}
}

static void send_frame(uint32_t kind, const void *data, uint32_t size)
{
	struct frame frame = { kind, size };

	send_all(&frame, sizeof(frame));
	send_all(data, size);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void run_child(char **arguments, int input, int output, int errors)
{
	static const int not_ours[] = { SIGPIPE, SIGINT, SIGQUIT };

	for (int i = 0; i < 3; i++)
		signal(not_ours[i], SIG_DFL);
	setpgid(0, 0);
	dup2(input, 0);
	dup2(output, 1);
	dup2(errors, 2);
	execvp(arguments[0], arguments);
	fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

static void start(struct command *command, char **arguments)
{
	int input[2], output[2], errors[2];

	if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC) || pipe2(errors, O_CLOEXEC))
		die("pipe");
	command->pid = fork();
	if (command->pid < 0)
		die("fork");
	if (!command->pid)
		run_child(arguments, input[0], output[1], errors[1]);
	setpgid(command->pid, command->pid);
	close(input[0]);
	close(output[1]);
	close(errors[1]);
	command->input = input[1];
	command->output = output[0];
	command->errors = errors[0];
	command->exited = syscall(SYS_pidfd_open, command->pid, 0);
	if (command->exited < 0)
		die("pidfd_open");
	fcntl(command->exited, F_SETFD, FD_CLOEXEC);
	fcntl(command->input, F_SETFL, O_NONBLOCK);
	fcntl(command->output, F_SETFL, O_NONBLOCK);
	fcntl(command->errors, F_SETFL, O_NONBLOCK);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Pass on what can be read now; the descriptor is closed at the end of the stream. */
static void pass_on(int *fd, uint32_t kind)
{
	static char buffer[1 << 16];

	while (*fd >= 0) {
		ssize_t got = read(*fd, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			shut(fd);
		else
			send_frame(kind, buffer, got);
	}
}

static void feed(struct command *command)
{
	while (command->unread_size) {
		ssize_t put = write(command->input, command->unread, command->unread_size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0)
			break; /* the command does not read all of it */
		command->unread += put;
		command->unread_size -= put;
	}
	shut(&command->input);
}

static void serve(struct command *command, uint32_t timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	int timed_out = 0, over = 0;

	while (!over) {
		struct pollfd fds[] = {
			{ command->exited, POLLIN },
			{ command->output, POLLIN },
			{ command->errors, POLLIN },
			{ command->input, POLLOUT },
		};
		int64_t left = deadline - now_ms();

		if (left <= 0 && !timed_out) {
			timed_out = 1;
			send_frame(FRAME_TIMEOUT, NULL, 0);
			kill(-command->pid, SIGKILL);
		}
		if (poll(fds, 4, timed_out ? -1 : (int)left) < 0 && errno != EINTR)
			die("poll");
		over = fds[0].revents;
		pass_on(&command->output, FRAME_OUTPUT);
		pass_on(&command->errors, FRAME_ERRORS);
		if (command->input >= 0 && fds[3].revents)
			feed(command);
	}
}

static void run(struct request *request, char *arguments, char *input)
{
	struct command command = { .unread = input, .unread_size = request->input_size };
	char *argv[256];
	int count = 0, status;
	int32_t result;

	for (char *at = arguments; at < arguments + request->arguments_size && count < 255;) {
		argv[count++] = at;
		at += strlen(at) + 1;
	}
	argv[count] = NULL;
	start(&command, argv);
	serve(&command, request->timeout_ms);
	waitpid(command.pid, &status, 0);
	shut(&command.input);
	shut(&command.output);
	shut(&command.errors);
	shut(&command.exited);
	result = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
	send_frame(FRAME_STATUS, &result, sizeof(result));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: agent PORT\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_CLOEXEC);
	if (port < 0)
		die(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	send_frame(FRAME_READY, NULL, 0);
	for (;;) {
		struct request request;
		char *data;

		receive(&request, sizeof(request));
		data = malloc((size_t)request.arguments_size + request.input_size + 1);
		if (!data)
			die("malloc");
		receive(data, (size_t)request.arguments_size + request.input_size);
		run(&request, data, data + request.arguments_size);
		free(data);
	}
}
