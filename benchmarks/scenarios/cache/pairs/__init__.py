"""Pairs of questions that look alike: made, fitted to, and measured."""
