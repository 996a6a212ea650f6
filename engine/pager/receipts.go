package pager

import (
	"maps"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// receiptWithin is how long each channel may stay without a receipt, where that is not the engine's default: a call
// as long as it rings, and until its provider has said that it did in vain.
func (c Config) receiptWithin() map[rosters.Channel]time.Duration {
	within := maps.Clone(c.ReceiptWithin)
	if within == nil {
		within = map[rosters.Channel]time.Duration{}
	}
	if d := c.ringing(); d > 0 {
		within[rosters.Voice] = d
	}
	return within
}

// ringing is how long a call may be under way before its provider has said that nobody answered; 0: the default.
func (c Config) ringing() time.Duration {
	if c.RingFor == 0 {
		return 0
	}
	return c.RingFor + engine.RingMargin
}
