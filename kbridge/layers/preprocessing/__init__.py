"""Layers that turn raw numbers, categories and text into what a model computes with."""
