// The LSTM on the tiles of AMX.

#include "lstm.h"
#include "recurrence_amx.h"

LAMINA_RECURRENCE_AMX(lstm, lamina::Lstm);
