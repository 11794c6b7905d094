"""Parts that a second model uses unchanged: recurrent and attention layers, and what they are made of."""

from gyebo.layers.recurrent import GRU, LSTM, RNN, ResetAfterGRU
from gyebo.layers.scans import gru_scan, gru_scan_reset_after, lstm_scan, rnn_scan
from gyebo.layers.steps import gru_step, gru_step_reset_after, lstm_step, rnn_step

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "ResetAfterGRU",
    "gru_scan",
    "gru_scan_reset_after",
    "gru_step",
    "gru_step_reset_after",
    "lstm_scan",
    "lstm_step",
    "rnn_scan",
    "rnn_step",
]
