package notifiers

import (
	"slices"
	"sync/atomic"
)

// Channels are what messages can be sent on: a Notifier each, most of them a Chain. They may be changed while
// others send: who has begun goes on with what was there.
type Channels struct {
	notifiers atomic.Pointer[map[Channel]Notifier]
}

// NewChannels makes Channels.
func NewChannels(notifiers map[Channel]Notifier) *Channels {
	c := &Channels{}
	c.Set(notifiers)
	return c
}

// Set changes them. The map must not be changed any more.
func (c *Channels) Set(notifiers map[Channel]Notifier) { c.notifiers.Store(&notifiers) }

// On is the Notifier of a channel, nil if there is none.
func (c *Channels) On(channel Channel) Notifier { return (*c.notifiers.Load())[channel] }

// Has reports whether messages can be sent on a channel.
func (c *Channels) Has(channel Channel) bool { return c.On(channel) != nil }

// Reaches is how many providers can send to an address on a channel.
func (c *Channels) Reaches(channel Channel, to string) int {
	switch n := c.On(channel).(type) {
	case nil:
		return 0
	case *Chain:
		return n.Reaches(to)
	default:
		return 1
	}
}

// All are the channels that there are, in order of their names.
func (c *Channels) All() []Channel {
	var all []Channel
	for channel := range *c.notifiers.Load() {
		all = append(all, channel)
	}
	slices.Sort(all)
	return all
}
