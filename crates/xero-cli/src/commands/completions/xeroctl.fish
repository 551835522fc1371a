# Completes xeroctl in fish. For every shell: xeroctl completions fish > ~/.config/fish/completions/xeroctl.fish
complete -c xeroctl -f -a '(command xeroctl __complete fish -- (commandline -opc) (commandline -ct) 2>/dev/null)'
