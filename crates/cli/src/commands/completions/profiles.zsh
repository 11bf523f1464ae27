_keymint_profiles() {
    local -a profiles
    profiles=(${(f)"$(_call_program profiles keymint completions --profiles 2>/dev/null)"})
    _describe -t profiles profile profiles
}

