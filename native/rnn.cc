// The plain recurrent network (Elman 1990), with tanh or relu.

#include "rnn.h"
#include "recurrence.h"

LAMINA_RECURRENCE(rnn_tanh, lamina::Rnn<lamina::Tanh>);
LAMINA_RECURRENCE(rnn_relu, lamina::Rnn<lamina::Relu>);
