# Completes xeroctl in bash. For every shell: xeroctl completions bash > ~/.local/share/bash-completion/completions/xeroctl
_xeroctl() {
    local reply
    mapfile -t reply < <(command xeroctl __complete bash --breaks "$COMP_WORDBREAKS" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${reply[@]:1}")
    case ${reply[0]-} in
        part) compopt -o nospace 2>/dev/null ;;
        files) compopt -o default 2>/dev/null ;;
    esac
}
complete -F _xeroctl xeroctl
