// SPDX-License-Identifier: GPL-2.0-or-later
// touch PAGES TRACE TOUCHES r|w PROCS CPU...: enter the cgroup whose file PROCS is, go from CPU to
// CPU and stay on the last, write PAGES pages in order, then touch those that TRACE (native
// uint32_t) names; with w odd ones are written to. Prints the major faults of the touches.
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { PAGE = 4096, WORDS = 200 };

static long major_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_majflt;
}

int main(int argc, char **argv)
{
	if (argc < 7)
		return 2;
	size_t pages = strtoul(argv[1], NULL, 10), touches = strtoul(argv[3], NULL, 10);
	int writes = argv[4][0] == 'w';
	uint32_t *trace = malloc(touches * sizeof(*trace)), random = 1;
	FILE *file = fopen(argv[2], "rb");

	if (!trace || !file || fread(trace, sizeof(*trace), touches, file) != touches)
		return 2;
	fclose(file);
	// What the trace needs is charged outside of the group, and stays in memory.
	if (mlock(trace, touches * sizeof(*trace)))
		return 2;
	unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || madvise(memory, pages * PAGE, MADV_NOHUGEPAGE))
		return 2;
	for (int i = 6; i < argc; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(atoi(argv[i]), &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			return 2;
	}
	file = fopen(argv[5], "w");
	if (!file || fputs("0", file) < 0 || fclose(file))
		return 2;

	for (size_t page = 0; page < pages; page++) {
		uint32_t *words = (uint32_t *)(memory + page * PAGE);

		for (int i = 0; i < WORDS; i++)
			words[i] = random = random * 1664525 + 1013904223;
	}
	long before = major_faults();

	for (size_t i = 0; i < touches; i++) {
		volatile unsigned char *byte = memory + (size_t)trace[i] * PAGE + 3000;
		unsigned char value = *byte;

		if (writes && (trace[i] & 1))
			*byte = value;
	}
	printf("%ld\n", major_faults() - before);
	return 0;
}
