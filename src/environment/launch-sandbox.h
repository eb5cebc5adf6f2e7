// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* From the values of a run to the processes of a run: requests, descriptors, spawn. Behind
 * sandbox_start() and helper_start() of privilege.h, which say what is promised. */

#include "environment/launch.h"

_must_use_ int
launch_sandbox(const SandboxSpec *spec,
               const GenerationMounts *mounts,
               Child *ret_monitor,
               Fault *fault);
_must_use_ int launch_helper(const HelperSpec *spec, Child *ret, Fault *fault);
