/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an I/O costs between the session and the socket: random reads or writes through the transport
 * and nothing else.
 *
 *	bench_transport PORTAL TARGET LUN [read|write] [BYTES] [DEPTH] [SECONDS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "initiator/transport.h"
#include "iscsifs/cursor.h"

enum { BENCH_DEPTH_MAX = 1024 };

struct job {
	struct transport_cmd cmd;
	uint8_t *data;
};

static struct {
	struct loop *loop;
	struct transport *tp;
	struct job jobs[BENCH_DEPTH_MAX];
	struct lun_addr lun;
	bool write;
	uint32_t bytes, block_bytes, depth;
	uint64_t blocks, seed, done, failed;
	mono_ms end;
	uint8_t capacity[32];
} bench = { .bytes = 4096, .depth = 32, .seed = 88172645463325252ull };

static uint64_t bench_random(void)
{
	bench.seed ^= bench.seed << 13;
	bench.seed ^= bench.seed >> 7;
	bench.seed ^= bench.seed << 17;
	return bench.seed;
}

static void bench_submit(struct job *j)
{
	uint32_t blocks = bench.bytes / bench.block_bytes;
	uint64_t lba = bench_random() % (bench.blocks / blocks) * blocks;
	int rc = bench.write ? transport_write(bench.tp, &j->cmd, bench.lun, lba, blocks,
					       bench.block_bytes, j->data, false) :
			       transport_read(bench.tp, &j->cmd, bench.lun, lba, blocks,
					      bench.block_bytes, j->data);

	bench.failed += rc != 0;
}

static void bench_done(struct transport_cmd *cmd)
{
	struct job *j = container_of(cmd, struct job, cmd);

	bench.done++;
	bench.failed += cmd->rejected || cmd->status != SCSI_GOOD;
	if (loop_now(bench.loop) < bench.end)
		bench_submit(j);
	else
		loop_stop(bench.loop);
}

static void bench_ask_size(void);

static void bench_sized(struct transport_cmd *cmd)
{
	if (cmd->rejected || cmd->status != SCSI_GOOD) {	/* unit attentions */
		bench_ask_size();
		return;
	}
	bench.blocks = be64_load(bench.capacity) + 1;
	bench.block_bytes = be32_load(bench.capacity + 8);
	loop_stop(bench.loop);
}

static void bench_ask_size(void)
{
	struct transport_cmd *cmd = &bench.jobs[0].cmd;
	uint8_t cdb[CDB_MAX];

	cmd->done = bench_sized;
	(void)transport_command(bench.tp, cmd, bench.lun, cdb,
				cdb_read_capacity_16(cdb, sizeof(bench.capacity)), bench.capacity,
				sizeof(bench.capacity), NULL, 0);
}

static void bench_ready(void *arg, const struct transport_limits *limits)
{
	(void)arg;
	(void)limits;
	bench_ask_size();
}

static void bench_lost(void *arg, const struct transport_loss *loss)
{
	(void)arg;
	fprintf(stderr, "%s\n", loss->text);
	exit(1);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void bench_measure(unsigned duration_s)
{
	struct rusage before, after;
	uint64_t start = clock_mono_us(), us;
	double cpu;

	getrusage(RUSAGE_SELF, &before);
	bench.end = clock_mono_ms() + duration_s * 1000;
	for (uint32_t i = 0; i < bench.depth; i++) {
		bench.jobs[i].cmd.done = bench_done;
		bench.jobs[i].data = aligned_alloc(4096, (bench.bytes + 4095) & ~4095u);
		memset(bench.jobs[i].data, (int)i, bench.bytes);
		bench_submit(&bench.jobs[i]);
	}
	loop_run(bench.loop);
	us = clock_mono_us() - start;
	getrusage(RUSAGE_SELF, &after);
	cpu = seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) -
	      seconds(before.ru_stime);
	printf("%s %u B depth %u: %.0f /s, %.1f MB/s, %.2f us CPU each (user %.2f), failed %" PRIu64
	       "\n", bench.write ? "write" : "read", bench.bytes, bench.depth,
	       (double)bench.done * 1e6 / (double)us,
	       (double)bench.done * bench.bytes / (double)us, cpu * 1e6 / (double)bench.done,
	       (seconds(after.ru_utime) - seconds(before.ru_utime)) * 1e6 / (double)bench.done,
	       bench.failed);
}

int main(int argc, char **argv)
{
	static const struct transport_events events = { .on_ready = bench_ready,
							.on_lost = bench_lost };
	struct transport_param param = {
		.initiator = "iqn.2026-11.example:bench",
		.isid = 0x800000000001,
		.immediate_data = true,
		.commands = BENCH_DEPTH_MAX,
	};

	if (argc < 4) {
		fprintf(stderr, "usage: %s PORTAL TARGET LUN [read|write] [BYTES] [DEPTH] "
				"[SECONDS]\n", argv[0]);
		return 2;
	}
	param.portal = argv[1];
	param.target = argv[2];
	bench.lun = lun_addr_of((unsigned)atoi(argv[3]));
	bench.write = argc > 4 && !strcmp(argv[4], "write");
	bench.bytes = argc > 5 ? (uint32_t)atoi(argv[5]) : 4096;
	bench.depth = argc > 6 ? MIN((uint32_t)atoi(argv[6]), (uint32_t)BENCH_DEPTH_MAX) : 32;
	if (loop_new(&bench.loop) ||
	    transport_dial(&bench.tp, bench.loop, &param, &events, NULL)) {
		fprintf(stderr, "cannot dial %s\n", param.portal);
		return 1;
	}
	loop_run(bench.loop);
	bench_measure(argc > 7 ? (unsigned)atoi(argv[7]) : 5);
	transport_cut(bench.tp);
	loop_free(bench.loop);
	return bench.failed != 0;
}
