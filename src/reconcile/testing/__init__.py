"""What tests of controllers need: a control plane in this process, faults, virtual time, and patience.

`apiserver.ApiServer` is the embedded control plane, `faults` disturbs it, `loop` makes an hour pass in milliseconds and
`eventually` waits for something to become true. Each module is imported by its own name.
"""
