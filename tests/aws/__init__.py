"""An AWS to test against: moto corrected where it differs from AWS, an account, and faults."""
