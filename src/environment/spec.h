// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What an environment wants of its walls: the settings of the project's files as typed values, over
 * the defaults of the profile. Pure data; what can be held is environment/guarantee.h's to say. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/setting.h"

typedef enum IsolationLevel {
        ISOLATION_PROCESS,
        ISOLATION_NAMESPACE,
        ISOLATION_CONTAINER,
        _ISOLATION_LEVEL_MAX,
        _ISOLATION_LEVEL_INVALID = -EINVAL,
} IsolationLevel;

typedef enum NetworkAccess {
        NETWORK_NONE,     /* lo and nothing else */
        NETWORK_FILTERED, /* by name; not yet: held as NETWORK_NONE */
        NETWORK_HOST,     /* asked for; never given to a project's files alone */
        _NETWORK_ACCESS_MAX,
        _NETWORK_ACCESS_INVALID = -EINVAL,
} NetworkAccess;

/* 0 in a limit: none wanted. */
typedef struct EnvironmentSpec {
        IsolationLevel isolation;
        NetworkAccess network;
        bool is_strict; /* security.default_policy = "strict", written: a wish not held refuses */
        bool is_audited;
        uint64_t cpu_limit_permille; /* of one processor */
        uint64_t memory_max_bytes;
        uint64_t disk_max_bytes;
        uint64_t file_max_bytes;
        uint64_t iops_max;
        uint64_t n_processes_max;
        uint64_t bandwidth_max_bytes; /* per second */
        char **readonly_paths;
        char **hidden_paths;
        char **allowed_paths;
        char **denied_paths;
        char **allowed_domains;
        uint32_t n_generations_max; /* env_layer.max_snapshots */
} EnvironmentSpec;

#define _cleanup_environment_spec_ _cleanup_(environment_spec_done)
void environment_spec_done(EnvironmentSpec *spec);

/* The profile "default". */
void environment_spec_init(EnvironmentSpec *spec);

/* The profile tightened by what the project's files say. A value that would loosen the profile is
 * not taken and told in @warnings (may be NULL).
 * Errors: -EINVAL a value makes no sense (FAULT_PROJECT_INVALID, place as subject). */
_must_use_ int environment_spec_from_settings(
                const Settings *settings,
                char ***warnings,
                Fault *fault,
                EnvironmentSpec *ret);

const char *isolation_level_to_string(IsolationLevel level);
const char *network_access_to_string(NetworkAccess access);
