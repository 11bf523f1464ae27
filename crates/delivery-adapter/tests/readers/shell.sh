# Prints what a shell has in a variable after it has sourced a file: shell.sh LIST NAME
#
# Each file is sourced in a subshell, and without programs that it could run.
list=$1 name=$2
PATH=/nonexistent
while IFS= read -r file; do
    (
        . "$file" >/dev/null 2>&1 </dev/null
        eval "printf %s \"\$$name\""
    )
    printf '\0'
done <"$list"
