// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest is asked, by a static program in its initramfs:
 *
 *   helper swapon CASES DISK          switch areas on and off, one after the other
 *   helper fill CORPUS GROUP EACH     page a corpus out to zswap, page by page; EACH: with the
 *                                     length of each page
 *   helper write CORPUS DEVICE SYSFS  write a corpus to a zram device, page by page
 *   helper replay CORPUS TRACE GROUP MODE POLL
 *                                     touch pages under the limits of a cgroup
 *
 * Answers are lines that start with '@'; guest.py reads them off the serial line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static void die(const char *what)
{
	printf("@failed %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

/* A file whole, mapped; its pages are read at once. */
static unsigned char *map(const char *path, size_t *size)
{
	struct stat info;
	int fd = must(open(path, O_RDONLY), path);

	must(fstat(fd, &info), path);
	*size = info.st_size;
	void *all = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (all == MAP_FAILED)
		die(path);
	close(fd);
	return all;
}

static unsigned char *anonymous(size_t size)
{
	void *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		die("mmap");
	madvise(all, size, MADV_NOHUGEPAGE);
	return all;
}

static void put(const char *path, const char *format, ...)
{
	va_list list;
	FILE *file = fopen(path, "w");

	if (!file)
		die(path);
	va_start(list, format);
	vfprintf(file, format, list);
	va_end(list);
	if (fclose(file))
		die(path);
}

/* Each line of a file as an answer; a file that is not there gives none. */
static void show(const char *key, const char *directory, const char *name)
{
	char path[256], line[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *file = fopen(path, "r");
	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		printf("@%s %s\n", key, line);
	}
	fclose(file);
}

/* ---- swapon ----------------------------------------------------------------------------- */

/* The kernel's log since last asked; printed where a case wants it. */
static void log_lines(int kmsg, int number)
{
	char record[8192];
	ssize_t got;

	for (;;) {
		got = read(kmsg, record, sizeof record - 1);
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			return;
		record[got] = 0;
		char *line = strchr(record, ';');
		if (line && number >= 0) {
			line[strcspn(line, "\n")] = 0;
			printf("@log %d %s\n", number, line + 1);
		}
	}
}

static void ask(const char *path, int flags, int kmsg, int number)
{
	char line[512], name[256];
	unsigned long size = 0;
	long prio = 0;

	log_lines(kmsg, -1);
	int error = swapon(path, flags) ? errno : 0;
	log_lines(kmsg, number);
	if (!error) {
		FILE *swaps = fopen("/proc/swaps", "r");
		while (swaps && fgets(line, sizeof line, swaps))
			if (sscanf(line, "%255s %*s %lu %*u %ld", name, &size, &prio) == 3 &&
			    !strcmp(name, path))
				break;
		if (swaps)
			fclose(swaps);
		must(swapoff(path), "swapoff");
	}
	printf("@answer %d %s %lu %ld\n", number, error ? strerrorname_np(error) : "0", size, prio);
}

/* CASES: for each a line "MODE SIZE FLAGS LENGTH [HOLE [HOLE [HOLE]]]", then LENGTH bytes. */
static int ask_swapon(const char *cases, const char *disk)
{
	char line[256], mode[16], device[32];
	static char start[1 << 16];
	FILE *file = fopen(cases, "r");
	int kmsg = must(open("/dev/kmsg", O_RDONLY | O_NONBLOCK), "/dev/kmsg");
	int control = open("/dev/loop-control", O_RDWR);

	if (!file)
		die(cases);
	prctl(PR_SET_NAME, "swapon");
	for (int number = 0; fgets(line, sizeof line, file); number++) {
		unsigned long long size;
		unsigned flags, hole[3];
		size_t length;
		int holes = sscanf(line, "%15s %llu %u %zu %u %u %u", mode, &size, &flags, &length,
				   hole, hole + 1, hole + 2) - 4;

		if (fread(start, 1, length, file) != length)
			die(cases);
		if (!strcmp(mode, "disk")) {
			static const char zeros[1 << 16];
			int fd = must(open(disk, O_RDWR), disk);
			must(pwrite(fd, zeros, sizeof zeros, 0), disk);
			must(pwrite(fd, start, length, 0), disk);
			must(fsync(fd), disk);
			close(fd);
			ask(disk, flags, kmsg, number);
			continue;
		}
		const char *path = strcmp(mode, "tmpfs") ? "/mnt/img" : "/tmp/img";
		unlink(path);
		int fd = must(open(path, O_CREAT | O_RDWR, 0600), path);
		if (strcmp(mode, "file"))
			must(ftruncate(fd, size), path);
		else if (size)
			must(fallocate(fd, 0, 0, size), path);
		must(pwrite(fd, start, length, 0), path);
		for (int i = 0; i < holes; i++)
			must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       hole[i] * PAGE, PAGE), path);
		if (strcmp(mode, "loop")) {
			close(fd);
			ask(path, flags, kmsg, number);
			continue;
		}
		must(control, "/dev/loop-control");
		snprintf(device, sizeof device, "/dev/loop%d",
			 must(ioctl(control, LOOP_CTL_GET_FREE), "LOOP_CTL_GET_FREE"));
		int loop = must(open(device, O_RDWR), device);
		must(ioctl(loop, LOOP_SET_FD, fd), device);
		close(fd);
		ask(device, flags, kmsg, number);
		must(ioctl(loop, LOOP_CLR_FD, 0), device);
		close(loop);
	}
	return 0;
}

/* ---- fills ------------------------------------------------------------------------------ */

static void join(const char *group, pid_t pid)
{
	char path[256];

	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	put(path, "%d", pid);
}

/* Have the statistics of cgroups flushed: they are by so many updates, not by each reader. */
static void flush_statistics(void)
{
	size_t size = 96 * PAGE;
	unsigned char *scratch = anonymous(size);

	memset(scratch, 1, size);
	munmap(scratch, size);
}

static void counters(const char *when, const char *group)
{
	static const char *const names[] = {
		"pool_total_size", "stored_pages", "same_filled_pages", "pool_limit_hit",
		"reject_reclaim_fail", "reject_alloc_fail", "reject_kmemcache_fail",
		"reject_compress_fail", "reject_compress_poor", "written_back_pages",
		"stored_incompressible_pages", "decompress_fail",
	};
	char key[64];

	flush_statistics();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(key, sizeof key, "%s %s", when, names[i]);
		show(key, "/sys/kernel/debug/zswap", names[i]);
	}
	show(when, "/proc", "vmstat");
	snprintf(key, sizeof key, "%s memory.zswap.current", when);
	show(key, group, "memory.zswap.current");
}

static unsigned long zswap_current(int fd)
{
	char line[32] = "";

	flush_statistics();
	must(pread(fd, line, sizeof line - 1, 0), "memory.zswap.current");
	return strtoul(line, NULL, 10);
}

/* The numbers of a list, a hundred a line. */
static void listed(size_t index, unsigned long number)
{
	printf("%s%lu", index % 100 ? " " : index ? "\n@lens " : "@lens ", number);
}

static int fill(const char *corpus, const char *group, int each)
{
	char path[256];
	unsigned long before = 0, now;
	size_t size;
	unsigned char *content = map(corpus, &size), *memory = anonymous(size);

	snprintf(path, sizeof path, "%s/memory.zswap.current", group);
	int current = must(open(path, O_RDONLY), path);
	join(group, getpid());
	memcpy(memory, content, size);
	counters("before", group);
	for (size_t at = 0; at < size; at += PAGE) {
		must(madvise(memory + at, PAGE, MADV_PAGEOUT), "MADV_PAGEOUT");
		if (each) {
			now = zswap_current(current);
			listed(at / PAGE, now - before);
			before = now;
		}
	}
	if (each)
		printf("\n");
	counters("after", group);
	show("stat", group, "memory.stat");
	return 0;
}

/* Prints what each page added to compr_data_size, a hundred a line. */
static int fill_zram(const char *corpus, const char *device, const char *sysfs)
{
	char path[256];

	size_t size;
	unsigned char *content = map(corpus, &size), *page = anonymous(PAGE);
	int fd = must(open(device, O_RDWR | O_DIRECT), device);
	unsigned long before = 0, after = 0;

	snprintf(path, sizeof path, "%s/mm_stat", sysfs);
	int stat = must(open(path, O_RDONLY), path);

	for (size_t at = 0; at < size; at += PAGE) {
		char line[256] = "";
		memcpy(page, content + at, PAGE);
		must(pwrite(fd, page, PAGE, at), device);
		must(pread(stat, line, sizeof line - 1, 0), path);
		sscanf(line, "%*u %lu", &after);
		listed(at / PAGE, after - before);
		before = after;
	}
	printf("\n");
	close(fd);
	show("mm_stat", sysfs, "mm_stat");
	return 0;
}

/* ---- replays ---------------------------------------------------------------------------- */

static long majflt(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_majflt;
}

/* Tells majflt when all pages are written and when all touches are done, then waits. */
static void work(const unsigned char *content, size_t size, const uint32_t *trace, size_t touches,
		 char mode, int go, int told)
{
	unsigned char *memory = anonymous(size);
	volatile unsigned long sum = 0;
	char byte;

	read(go, &byte, 1);
	for (size_t at = 0; at < size; at += PAGE)
		memcpy(memory + at, content + at, PAGE);
	long before = majflt(), faults = 0;
	write(told, &faults, sizeof faults);
	for (size_t i = 0; i < touches; i++) {
		volatile unsigned char *page = memory + trace[i] * PAGE;
		if (!(trace[i] & 1))
			sum += *page;
		else if (mode == 'w')
			*page = content[trace[i] * PAGE];
		else
			*page = *page;
	}
	faults = majflt() - before;
	write(told, &faults, sizeof faults);
	read(go, &byte, 1);
	_exit(0);
}

static int replay(const char *corpus, const char *trace, const char *group, char mode, int poll)
{
	size_t size, length;
	unsigned char *content = map(corpus, &size);
	uint32_t *touched = (uint32_t *)map(trace, &length);
	long faults[2] = {0, 0};
	int go[2], told[2], phase = 0;
	char buffer[8192], path[256];

	must(pipe(go), "pipe");
	must(pipe2(told, poll ? O_NONBLOCK : 0), "pipe");
	pid_t child = must(fork(), "fork");
	if (!child)
		work(content, size, touched, length / 4, mode, go[0], told[1]);
	close(told[1]);
	join(group, child);
	write(go[1], "x", 1);
	snprintf(path, sizeof path, "%s/memory.stat", group);
	while (phase < 2) {
		ssize_t got = read(told[0], &faults[phase], sizeof *faults);
		if (got == sizeof *faults) {
			phase++;
		} else if (got == 0) { /* killed */
			break;
		} else {
			usleep(poll * 1000);
			int fd = must(open(path, O_RDONLY), path);
			read(fd, buffer, sizeof buffer);
			close(fd);
		}
	}
	printf("@phase %d\n@majflt %ld\n", phase, phase == 2 ? faults[1] : 0);
	show("swap.current", group, "memory.swap.current");
	show("zswap.current", group, "memory.zswap.current");
	show("stat", group, "memory.stat");
	show("after", "/proc", "vmstat");
	write(go[1], "x", 1);
	waitpid(child, NULL, 0);
	return 0;
}

int main(int count, char **word)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (count == 4 && !strcmp(word[1], "swapon"))
		return ask_swapon(word[2], word[3]);
	if (count == 5 && !strcmp(word[1], "fill"))
		return fill(word[2], word[3], atoi(word[4]));
	if (count == 5 && !strcmp(word[1], "write"))
		return fill_zram(word[2], word[3], word[4]);
	if (count == 7 && !strcmp(word[1], "replay"))
		return replay(word[2], word[3], word[4], *word[5], atoi(word[6]));
	return 2;
}
