// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Where packages come from, as this user's machine is already configured: BLAST_* before UV_* before
 * PIP_* before pip's configuration files before the default of the build. Remembers where each value
 * was written. Talks to no service. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/request.h" /* only for the type IndexSettings */

/* No index at all, only find-links (PIP_NO_INDEX). */
#define SETTINGS_NO_INDEX ""

/* One value in force. */
typedef struct SettingSource {
        const char *key; /* "index-url", as among the options of the D-Bus methods */
        char *value;     /* for display: no credentials */
        char *origin;    /* "PIP_INDEX_URL", "/home/u/.config/pip/pip.conf:3", "built-in" */
} SettingSource;

typedef struct ClientSettings {
        IndexSettings index;
        bool allow_prereleases;
        char *exclude_newer;
        SettingSource *sources; /* one per key, in a fixed order */
        size_t n_sources;
        size_t n_extra_given; /* list entries at the front that came by client_settings_set() */
        size_t n_links_given;
        char **warnings; /* sentences: settings that were seen and are not honoured */
} ClientSettings;

void client_settings_done(ClientSettings *settings);
#define _cleanup_client_settings_ _cleanup_(client_settings_done)

/* Reads this process's environment and the files it names. Errors: -EINVAL a value that makes no sense
 * (FAULT_USAGE, names the place), -ENOMEM. */
_must_use_ int client_settings_load(ClientSettings *ret, Fault *fault);
/* Command line options win over everything: sets @key ("index-url", "offline", …) from @value. Those that are
 * lists stand before what was configured, in the order in which they are given. */
_must_use_ int client_settings_set(
                ClientSettings *settings,
                const char *key,
                const char *value,
                const char *origin,
                Fault *fault);
