package rest

import (
	"context"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

const (
	coveredSpan = 30 * 24 * time.Hour
	maxHoles    = 1000
)

// coverage reads all that says who is paged for what within a span.
func (a *API) coverage(ctx context.Context, from, to time.Time) (engine.Coverage, error) {
	return pager.ReadCoverage(ctx, a.db, a.catchAll, pager.Usable{Channels: a.channels(), VerifiedOnly: a.verifiedOnly}, from, to)
}

func (h handlers) GetCoverage(ctx context.Context, r GetCoverageRequestObject) (GetCoverageResponseObject, error) {
	from, err := h.at(ctx, r.Params.From)
	if err != nil {
		return nil, err
	}
	to := r.Params.To.UTC()
	if r.Params.To.IsZero() {
		to = from.Add(coveredSpan)
	}
	if !to.After(from) {
		return nil, wrongParameter("to", clock(to), "must be later than from, which is "+clock(from))
	}
	if to.Sub(from) > engine.MaxCoverage {
		return nil, wrongParameter("to", clock(to), "must be at most 92 days after from, which is "+clock(from))
	}
	zone, err := time.LoadLocation(orElse(r.Params.Zone, "UTC"))
	if err != nil || r.Params.Zone == "Local" {
		return nil, wrongParameter("zone", r.Params.Zone, `is not the name of a zone; use one of the IANA database, such as "Europe/Berlin"`)
	}
	c, err := h.coverage(ctx, from, to)
	if err != nil {
		return nil, err
	}
	if r.Params.Service != "" {
		c.Services = slices.DeleteFunc(c.Services, func(s engine.Service) bool { return string(s.ID) != r.Params.Service })
		if len(c.Services) == 0 {
			_, err := h.readService(ctx, r.Params.Service)
			return nil, err
		}
	}
	answer := Coverage{From: from, To: to, Holes: []Hole{}}
	if answer.Unreached, err = h.unreached(ctx, c, r.Params.Service, from, to, zone); err != nil {
		return nil, err
	}
	for hole := range c.Holes(from, to) {
		if len(answer.Holes) == maxHoles {
			answer.More = true
			break
		}
		answer.Holes = append(answer.Holes, holeOut(hole, zone))
	}
	return GetCoverage200JSONResponse(answer), nil
}

func holeOut(h engine.Hole, zone *time.Location) Hole {
	return Hole{Kind: HoleKind(h.Kind), Service: string(h.Service), Level: h.Level, From: h.From.UTC(), To: h.To.UTC(),
		Severities: mapped(h.Severities, func(s engine.Severity) int { return int(s) }), Text: h.Text(zone),
		Where: h.Where(), Problem: h.Problem(), Remedy: h.Remedy()}
}
