"""Probability tables and the ANS stack."""
