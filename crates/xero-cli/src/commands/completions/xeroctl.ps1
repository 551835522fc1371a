# Completes xeroctl in PowerShell. For every shell: xeroctl completions powershell >> $PROFILE
Register-ArgumentCompleter -Native -CommandName xeroctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { if ($null -ne $_.Value) { "$($_.Value)" } else { $_.Extent.Text } })
    $options = @('powershell')
    if ($wordToComplete -eq '') { $options += '--next' }
    & xeroctl __complete @options -- @words 2>$null | ForEach-Object {
        $shown, $value, $help = $_ -split "`t", 3
        if (-not $help) { $help = $shown }
        [System.Management.Automation.CompletionResult]::new($value, $shown, 'ParameterValue', $help)
    }
}
