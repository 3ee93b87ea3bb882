"""Model -> Plan -> Engine: layout, buffers, and the calls into generated code."""
