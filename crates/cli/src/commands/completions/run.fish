
# Prints the command line after `run`, if it has begun.
function __fish_keymint_command
    set -l words (commandline -opc)
    test "$words[2]" = run; or return 1
    set -e words[1..2]
    set -l current (commandline -ct)
    set -l has_begun 1
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                set has_begun 0
                break
            case --var --profile
                set -e words[1]
                set -q words[1]; or return 1
                set -e words[1]
            case '-*'
                set -e words[1]
            case '*'
                set has_begun 0
                break
        end
    end
    if test $has_begun = 1; and string match -qr '^(-|$)' -- "$current"
        return 1
    end
    echo -- (string escape -- $words) $current
end

complete -c keymint -n "__fish_keymint_command >/dev/null" -f -a "(complete -C (__fish_keymint_command))"
