/* SPDX-License-Identifier: BSD-3-Clause */
/* fuse_server.c - the smallest FUSE server that has a file to map (see <linux/fuse.h>) */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scene.h"

#define FILE_NODE 2

struct server {
	int fd;
	const char *name;
	size_t size;
};

static void reply(const struct server *server, const struct fuse_in_header *in, int error,
		  const void *body, size_t n)
{
	static char out[sizeof(struct fuse_out_header) + FUSE_MIN_READ_BUFFER * 32];
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + n), .error = -error, .unique = in->unique};

	memcpy(out, &head, sizeof(head));
	if (n != 0)
		memcpy(out + sizeof(head), body, n);
	/* ENOENT: the request was interrupted. */
	CHECK(write(server->fd, out, head.len) == (ssize_t)head.len || errno == ENOENT);
}

static struct fuse_attr attributes(const struct server *server, uint64_t node)
{
	bool is_file = node == FILE_NODE;

	return (struct fuse_attr){
		.ino = node,
		.size = is_file ? server->size : 0,
		.mode = is_file ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void look_up(const struct server *server, const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out entry = {.nodeid = FILE_NODE};

	entry.attr = attributes(server, FILE_NODE);
	if (strcmp(name, server->name) == 0)
		reply(server, in, 0, &entry, sizeof(entry));
	else
		reply(server, in, ENOENT, NULL, 0);
}

static void read_data(const struct server *server, const struct fuse_in_header *in,
		      const struct fuse_read_in *request)
{
	static char data[FUSE_MIN_READ_BUFFER * 16];
	size_t n = request->size < sizeof(data) ? request->size : sizeof(data);

	if (request->offset >= server->size)
		n = 0;
	else if (n > server->size - request->offset)
		n = server->size - request->offset;
	memset(data, 0x5a, sizeof(data));
	reply(server, in, 0, data, n);
}

static void answer(const struct server *server, const struct fuse_in_header *in, const void *body)
{
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096, .max_readahead = 0};
	struct fuse_attr_out attr = {.attr = attributes(server, in->nodeid)};
	struct fuse_open_out opened = {.fh = 1};
	struct fuse_statfs_out fs = {.st = {.bsize = 4096, .namelen = 255}};

	switch (in->opcode) {
	case FUSE_INIT:
		reply(server, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		look_up(server, in, body);
		break;
	case FUSE_GETATTR:
		reply(server, in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		reply(server, in, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		read_data(server, in, body);
		break;
	case FUSE_STATFS:
		reply(server, in, 0, &fs, sizeof(fs));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(server, in, ENOSYS, NULL, 0);
	}
}

static _Noreturn void serve(const struct server *server)
{
	static _Alignas(8) char request[FUSE_MIN_READ_BUFFER * 2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		ssize_t n = read(server->fd, request, sizeof(request));

		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			answer(server, (const void *)request,
			       request + sizeof(struct fuse_in_header));
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			_exit(0);
	}
}

pid_t scene_fuse_server(const char *dir, const char *name, size_t size)
{
	struct server server = {open("/dev/fuse", O_RDWR | O_CLOEXEC), name, size};
	char options[128];
	pid_t pid;

	if (server.fd < 0)
		return -1;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", server.fd);
	if (mount("mcsafe", dir, "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
		close(server.fd);
		return -1;
	}
	pid = fork();
	if (pid == 0)
		serve(&server);
	close(server.fd);
	return pid;
}
