# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Made by tools/make-completions.py: change that, or the tables of the client.

_blast() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verbs="start run install remove update lock list status kill rollback config help" verb="" options="" word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -z $verb && " $verbs " == *" $word "* ]]; then
            verb=$word
        elif [[ $word == -- || (-n $verb && " start run " == *" $verb "* && $word != -*) ]]; then
            # From here on it is another program's command line.
            compopt -o default
            if ((i + ($(test "$word" = -- && echo 1 || echo 0)) == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$current")
            fi
            return
        fi
    done
    case $before in
        --project|-C)
            compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return ;;
        --env|--exclude-newer|--extra|--extra-index-url|--group|--index-url|--name|--python|-e|-g|-i|-p)
            COMPREPLY=()
            return ;;
        --color)
            mapfile -t COMPREPLY < <(compgen -W "always never auto" -- "$current")
            return ;;
        --service)
            mapfile -t COMPREPLY < <(compgen -W "system embedded" -- "$current")
            return ;;
        --find-links|-f)
            compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
        --signal|-s)
            mapfile -t COMPREPLY < <(compgen -W "TERM KILL INT HUP QUIT USR1 USR2" -- "$current")
            return ;;
    esac
    case $verb in
        "") options="-h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        start) options="--no-sync --strict --env --offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        run) options="--no-sync --strict --env --offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        install) options="--offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        remove) options="--environment --offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        update) options="--offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        lock) options="--offline --frozen --locked -n --dry-run -p --python -g --group --no-default-groups -e --extra --prereleases --exclude-newer -i --index-url --extra-index-url -f --find-links -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        list) options="-h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        status) options="-a --all -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        kill) options="-s --signal -a --all -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        rollback) options="-l --list -h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        config) options="-h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
        help) options="-h --help --version -C --project --name --json -q --quiet -v --verbose --color --no-pager --service" ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -z $verb || $verb == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
    elif [[ " start run " == *" $verb "* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
    fi
}
complete -F _blast blast
