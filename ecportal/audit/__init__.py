"""The tamper-evident trail: what is written is attested, sealed, signed, and verified offline."""
