// SPDX-License-Identifier: MIT
/*
 * A tree of processes that stay as they are: names, threads, users, files, sockets, namespaces,
 * signals and timers are known. Leaves /run/workload/processes-started when all have come so far.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DATA "/tmp/data/"
#define DONE "/run/workload/processes-started"
#define LONG_SECONDS 90000

static int ready[2];

static void expect(int good, const char *what)
{
	if (!good)
		fprintf(stderr, "processes: %s: %s\n", what, strerror(errno));
}

static void set_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	expect(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void stay(void)
{
	for (;;)
		pause();
}

/* Tell the first process that this one is as it shall be. */
static void say_ready(void)
{
	expect(write(ready[1], "", 1) == 1, "ready");
}

static pid_t start(const char *name, void (*become)(void))
{
	pid_t pid = fork();

	if (!pid) {
		set_name(name);
		become();
		stay();
	}
	return pid;
}

/* Files: an offset, flags, a pipe with data, epoll over three, a watch, a lock, shared memory. */
static void birch(void)
{
	int first = open(DATA "first.txt", O_RDWR);
	int epoll = epoll_create1(0), event = eventfd(41, 0);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0), watch = inotify_init();
	int memory = memfd_create("birch-memory", 0), ends[2];
	struct itimerspec later = { .it_value.tv_sec = LONG_SECONDS };
	struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 20 };
	struct epoll_event wanted = { .events = EPOLLIN };
	char *shared;

	lseek(first, 5, SEEK_SET);
	open(DATA "second.txt", O_RDONLY | O_CLOEXEC);
	open("/dev/null", O_RDWR | O_NONBLOCK);
	expect(!pipe(ends) && write(ends[1], "in a pipe", 9) == 9, "pipe");
	timerfd_settime(timer, 0, &later, NULL);
	const int watched[] = { event, timer, ends[0] };
	for (int i = 0; i < 3; i++) {
		wanted.data.u64 = 0xb1c0 + i;
		expect(!epoll_ctl(epoll, EPOLL_CTL_ADD, watched[i], &wanted), "epoll");
	}
	expect(inotify_add_watch(watch, DATA, IN_CREATE) >= 0, "inotify");
	expect(!fcntl(first, F_SETLK, &lock), "lock");
	expect(!ftruncate(memory, 8192), "memfd");
	shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	strcpy(shared, "birch shares this");
	setpriority(PRIO_PROCESS, 0, 5);
	write_file("/sys/fs/cgroup/grove/cgroup.procs", "0");
	say_ready();
}

static void *thread(void *name)
{
	set_name(name);
	stay();
	return NULL;
}

static void cedar(void)
{
	static char names[3][16] = { "cedar-1", "cedar-2", "cedar-3" };
	pthread_attr_t small;
	pthread_t id;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < 3; i++)
		expect(!pthread_create(&id, &small, thread, names[i]), "thread");
	usleep(50000);
	write_file("/sys/fs/cgroup/thicket/cgroup.procs", "0");
	say_ready();
}

/* Another user, real time, one processor. */
static void elm(void)
{
	struct sched_param parameters = { .sched_priority = 42 };
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	expect(!sched_setscheduler(0, SCHED_FIFO, &parameters), "SCHED_FIFO");
	expect(!sched_setaffinity(0, sizeof(first), &first), "affinity");
	expect(!setgid(1001) && !setuid(1000), "setuid");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say_ready();
}

static void use_orchard(int fd)
{
	expect(!setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "orchard", 7), "congestion control");
}

/* A TCP connection to itself with data on its way, UDP, and sockets of the file system. */
static void fir(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(4242) };
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = DATA "fir.sock" };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int datagrams = socket(AF_INET, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	int pair[2];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	use_orchard(listener);
	use_orchard(client);
	expect(!bind(listener, (void *)&address, sizeof(address)) && !listen(listener, 7), "listen");
	expect(!connect(client, (void *)&address, sizeof(address)), "connect");
	expect(accept(listener, NULL, NULL) >= 0, "accept");
	expect(write(client, "0123456789", 10) == 10, "send");
	address.sin_port = htons(5353);
	expect(!bind(datagrams, (void *)&address, sizeof(address)), "udp");
	expect(!bind(local, (void *)&path, sizeof(path)) && !listen(local, 3), "unix");
	expect(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair");
	say_ready();
}

static void hazel(void)
{
	expect(!unshare(CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET), "unshare");
	expect(!sethostname("hazel-host", 10), "sethostname");
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	expect(!mount("hazelfs", "/mnt", "tmpfs", 0, "size=64k"), "mount");
	write_file("/mnt/inside", "x");
	say_ready();
}

/* The parent of a zombie. */
static void larch(void)
{
	siginfo_t ended;

	if (!fork()) {
		set_name("larch-dead");
		_exit(3);
	}
	waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT);
	say_ready();
}

/* Waits in vfork, uninterruptibly. */
static void maple(void)
{
	say_ready();
	if (!vfork()) {
		set_name("maple-child");
		stay();
	}
}

static void rowan(void)
{
	pid_t traced = fork();

	if (!traced) {
		set_name("rowan-traced");
		stay();
	}
	usleep(50000);
	expect(!ptrace(PTRACE_SEIZE, traced, 0, 0), "seize");
	ptrace(PTRACE_INTERRUPT, traced, 0, 0);
	waitpid(traced, NULL, __WALL);
	say_ready();
}

/* Blocked signals that wait: an ordinary one, and a queued one with a value. */
static void willow(void)
{
	struct sigevent alarm = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec later = { .it_value.tv_sec = LONG_SECONDS };
	union sigval value = { .sival_int = 777 };
	sigset_t blocked;
	timer_t timer;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	sigqueue(getpid(), SIGRTMIN + 3, value);
	signalfd(-1, &blocked, 0);
	expect(!timer_create(CLOCK_MONOTONIC, &alarm, &timer), "timer_create");
	timer_settime(timer, 0, &later, NULL);
	say_ready();
}

int main(void)
{
	static const struct {
		const char *name;
		void (*become)(void);
	} children[] = {
		{ "birch", birch }, { "cedar", cedar }, { "elm", elm },	    { "fir", fir },
		{ "hazel", hazel }, { "larch", larch }, { "maple", maple }, { "rowan", rowan },
		{ "willow", willow },
	};
	char word;

	set_name("oak");
	mkdir(DATA, 0755);
	write_file(DATA "first.txt", "the first file has this one line\n");
	write_file(DATA "second.txt", "second\n");
	expect(!pipe(ready), "pipe");
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		start(children[i].name, children[i].become);
		expect(read(ready[0], &word, 1) == 1, children[i].name);
	}
	usleep(200000);
	close(open(DONE, O_CREAT | O_WRONLY, 0644));
	stay();
}
