"""What tests/bench/run is made of: tools, the system under test, loads, the table of rows, reports."""
