"""The conformance suite: what an engine must do, checked op by op.

    pytest --pyargs kbridge.conformance --engine NAME [--op NAME]

It keeps no list of ops: it walks ``OPS``, and ``samples.py`` says with which arguments each op is tried.
For every op, sample and engine it compares shape and dtype with the engine of shapes, the value with
float64 NumPy (or the portable body), the gradient with central differences, and the compiled result with
the eager one; then it tries the methods of ``Backend``. An engine that third parties wrote is tried in the
same way: make it known by the entry-point group ``kbridge.backends``, or register it in a pytest plugin.
"""
