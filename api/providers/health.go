package providers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// Chat is what stands for a channel where a provider carries no messages, but posts.
const Chat notifiers.Channel = "chat"

// fared is of which provider and channel something is kept.
type fared struct{ provider, channel string }

// maxFailure is how much of a failure is kept.
const maxFailure = 500 // bytes

func (f fared) stored(version int, r notifiers.Record) enginedb.ProviderHealth {
	why := strings.ReplaceAll(strings.ToValidUTF8(r.Failure, "�"), "\x00", "�")
	if len(why) > maxFailure {
		why = strings.ToValidUTF8(why[:maxFailure], "")
	}
	return enginedb.ProviderHealth{Provider: f.provider, Channel: f.channel, Version: version, FailingSince: r.FailingSince, LastSuccess: r.LastSuccess,
		LastFailure: r.LastFailure, Failure: why, Faults: r.Faults}
}

func record(h enginedb.ProviderHealth) notifiers.Record {
	return notifiers.Record{Health: notifiers.Health{FailingSince: h.FailingSince, LastSuccess: h.LastSuccess, LastFailure: h.LastFailure, Failure: h.Failure}, Faults: h.Faults}
}

// shareHealth keeps how the providers fared here since that was last kept, and learns of the others how they fared on other
// nodes or before the start. What was kept of other settings says nothing of the ones there are; of those of the
// environment nobody knows whether they are others.
func (r *Registry) shareHealth(ctx context.Context) error {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	db := enginedb.New(r.cfg.DB)
	kept, err := db.ProvidersHealth(ctx)
	if err != nil {
		return err
	}
	known := map[fared]enginedb.ProviderHealth{}
	for _, h := range kept {
		known[fared{h.Provider, h.Channel}] = h
	}
	var news []enginedb.ProviderHealth
	heard := map[*notifiers.Breaker]notifiers.Record{}
	for _, p := range r.each() {
		if p.err != nil {
			continue
		}
		for channel, b := range p.breakers {
			ref, own := fared{p.Name, string(channel)}, b.Record()
			there, ok := known[ref]
			ok = ok && there.Version == p.Version
			switch {
			case own != r.heard[b], !ok && own != (notifiers.Record{}):
				news = append(news, ref.stored(p.Version, own))
			case ok && p.Version == 0: // what the environment says may be mended since: after a start nothing is failing yet
				if was := record(there).Ended(); own == (notifiers.Record{}) && b.Restore(own, was) {
					own = was
				}
			case ok && b.Restore(own, record(there)):
				own = record(there)
			}
			heard[b] = own
		}
	}
	if news != nil {
		slices.SortFunc(news, func(a, b enginedb.ProviderHealth) int { // nodes that keep the same do not wait for each other in a circle
			return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Channel, b.Channel))
		})
		if err := db.KeepProvidersHealth(ctx, news); err != nil {
			return err
		}
	}
	r.heard = heard
	return nil
}
