"""PaddleOCR's training configurations, translated."""
