
# Completes the command after `run` as the shell does elsewhere.
_keymint_line() {
    local i=2
    if [[ ${COMP_WORDS[1]} == run ]]; then
        while ((i < COMP_CWORD)); do
            case ${COMP_WORDS[i]} in
                --) i=$((i + 1)); break ;;
                --var | --profile)
                    [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
                    i=$((i + 2)) ;;
                -*) i=$((i + 1)) ;;
                *) break ;;
            esac
        done
        if ((i < COMP_CWORD)) || { ((i == COMP_CWORD)) && [[ ${COMP_WORDS[i - 1]} == -- || $2 == [!-]* ]]; }; then
            COMPREPLY=()
            if declare -F _command_offset >/dev/null; then
                _command_offset "$i"
            elif ((i == COMP_CWORD)); then
                COMPREPLY=($(compgen -c -- "$2"))
            fi
            return
        fi
    fi
    _keymint "$@"
}
