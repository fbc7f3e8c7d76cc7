// The GRU on the tiles of AMX.

#include "gru.h"
#include "recurrence_amx.h"

LAMINA_RECURRENCE_AMX(gru, lamina::Gru);
