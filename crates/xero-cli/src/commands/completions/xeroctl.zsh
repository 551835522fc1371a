#compdef xeroctl
# Completes xeroctl in zsh. For every shell: xeroctl completions zsh > a directory of $fpath, as the file _xeroctl
_xeroctl() {
    local line value
    local -a values shown parts
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        if [[ $value == */ ]]; then
            parts+=("$value")
        else
            values+=("$value")
            shown+=("${line/$'\t'/  -- }")
        fi
    done < <(command xeroctl __complete zsh -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)
    (( $#values )) && compadd -l -d shown -a values
    (( $#parts )) && compadd -S '' -a parts
}
if [[ ${funcstack[1]} == _xeroctl ]]; then
    _xeroctl "$@"
else
    compdef _xeroctl xeroctl
fi
