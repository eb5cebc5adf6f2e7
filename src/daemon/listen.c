// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "daemon/listen.h"

enum {
        BACKLOG = 64
};

struct Listener {
        int fd;
        int directory_fd;
        sd_event_source *source;
        ListenerAccepted accepted;
        void *userdata;
};

/* The runtime directory is 0700; this catches descriptors of the directory that were handed on. */
static bool peer_is_us(int fd) {
        struct ucred peer = { .uid = (uid_t) -1 };
        socklen_t size = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) >= 0 && size == sizeof(peer) &&
                        peer.uid == geteuid();
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Listener *listener = userdata;
        _cleanup_close_ int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (connection < 0) {
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        log_warning("Cannot accept a connection: %s, continuing.", strerror(errno));
                return 0;
        }
        if (!peer_is_us(connection)) {
                log_notice("Refused a connection of another user.");
                return 0;
        }
        listener->accepted(TAKE_FD(connection), listener->userdata);
        return 0;
}

static int remove_left_over(int directory_fd, Fault *fault) {
        struct stat status;

        if (fstatat(directory_fd, LISTEN_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(status.st_mode))
                return fault_set(
                                fault,
                                -EEXIST,
                                FAULT_INTERNAL,
                                LISTEN_NAME,
                                "There is a file '" LISTEN_NAME
                                "' in the runtime directory that is no socket.");
        return unlinkat(directory_fd, LISTEN_NAME, 0) < 0 ? -errno : 0;
}

static int listener_bind(Listener *listener) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char directory[FD_PATH_SIZE];

        /* A path ends at 108 bytes; one that begins with our descriptor is always short. */
        (void) snprintf(address.sun_path,
                        sizeof(address.sun_path),
                        "%s/" LISTEN_NAME,
                        fd_path(listener->directory_fd, directory));
        listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener->fd < 0)
                return -errno;
        if (bind(listener->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        if (fchmodat(listener->directory_fd, LISTEN_NAME, 0600, 0) < 0)
                return -errno;
        return listen(listener->fd, BACKLOG) < 0 ? -errno : 0;
}

int listener_new(
                sd_event *event,
                int directory_fd,
                ListenerAccepted accepted,
                void *userdata,
                Fault *fault,
                Listener **ret) {
        _cleanup_(listener_freep) Listener *listener = new (Listener, 1);
        int r;

        if (!listener)
                return -ENOMEM;
        *listener = (Listener){
                .fd = -EBADF,
                .directory_fd = directory_fd,
                .accepted = accepted,
                .userdata = userdata,
        };
        r = remove_left_over(directory_fd, fault);
        if (r < 0)
                return r;
        r = listener_bind(listener);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                LISTEN_NAME,
                                "Cannot listen in the runtime directory: %s.",
                                strerror(-r));
        r = sd_event_add_io(
                        event, &listener->source, listener->fd, EPOLLIN, on_connection, listener);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(listener);
        return 0;
}

Listener *listener_free(Listener *listener) {
        if (!listener)
                return NULL;
        sd_event_source_disable_unref(listener->source);
        if (listener->fd >= 0) {
                (void) unlinkat(listener->directory_fd,
                                LISTEN_NAME,
                                0); /* the next start replaces it */
                fd_close(listener->fd);
        }
        free(listener);
        return NULL;
}

bool listener_has_pending(const Listener *listener) {
        struct pollfd state = { .fd = listener->fd, .events = POLLIN };

        return poll(&state, 1, 0) > 0;
}
