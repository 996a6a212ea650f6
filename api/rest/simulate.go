package rest

import (
	"context"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// Simulate tells who would be paged for an alert.
func (h handlers) Simulate(ctx context.Context, r SimulateRequestObject) (SimulateResponseObject, error) {
	b := *r.Body
	a := engine.Alert{Action: engine.Trigger, Service: engine.ServiceID(b.Service), Severity: engine.Severity(b.Severity), Word: b.Word, Source: b.Source,
		Summary: orElse(b.Summary, "Simulated alert"), Details: b.Details, DedupKey: b.DedupKey, Labels: b.Labels}
	if b.Severity == 0 {
		a.Severity = engine.Major
	}
	f, err := h.engine.Foretell(ctx, a, b.At)
	if err != nil {
		return nil, err
	}
	return Simulate200JSONResponse(forecastOut(f)), nil
}

func forecastOut(f pager.Foretold) Forecast {
	inc := f.Incident
	out := Forecast{At: inc.OpenedAt.UTC(), Service: string(inc.Service), Severity: int(inc.Severity), Policy: string(f.PolicyID), Joins: string(f.Joins),
		Unpaged: f.Unpaged, Pages: []ForecastPage{}, Lines: []ForecastLine{}}
	if !f.Again.IsZero() {
		out.Again = f.Again.UTC()
	}
	if f.Unpaged {
		return out
	}
	out.Remarks = f.Remarks
	for _, p := range f.Pages {
		page := ForecastPage{At: p.At.UTC(), Person: string(p.Person), Name: f.Names[p.Person], Role: p.Role, Level: p.Level + 1, CatchAll: p.CatchAll}
		for _, c := range p.Contacts {
			page.Contacts = append(page.Contacts, ForecastContact{At: c.At.UTC(), Channel: string(c.Channel), Address: notifiers.MaskNumber(c.Address)})
		}
		out.Pages = append(out.Pages, page)
	}
	for _, l := range f.Lines {
		out.Lines = append(out.Lines, ForecastLine{At: l.At.UTC(), Reason: string(l.Note.Reason), Text: l.Note.Text})
	}
	return out
}
