package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// policyOf is a policy of the wire as the cores have it.
func policyOf(p Policy, slug string) (engine.Policy, error) {
	if p.Slug != "" && slug != "" && p.Slug != slug {
		return engine.Policy{}, wrong("/slug", p.Slug, "is not that of the path; a slug never changes")
	}
	p.Slug = orElse(slug, p.Slug)
	policy := wholePolicy(p)
	return policy, validPolicy(policy)
}

// wholePolicy fills in what may be missing.
func wholePolicy(p Policy) engine.Policy {
	policy := engine.Policy{ID: engine.PolicyID(p.Slug), Name: orElse(p.Name, p.Slug), AckExpiry: map[engine.Severity]time.Duration{}}
	for _, l := range p.Levels {
		wait := time.Duration(l.Wait)
		if wait == 0 {
			wait = engine.DefaultWait
		}
		policy.Levels = append(policy.Levels, engine.Level{Targets: mapped(l.Targets, targetOf), Wait: wait})
	}
	for severity, d := range map[engine.Severity]*Duration{engine.Critical: p.AckExpiry.Critical, engine.Major: p.AckExpiry.Major, engine.Minor: p.AckExpiry.Minor} {
		if d != nil {
			policy.AckExpiry[severity] = time.Duration(*d)
		}
	}
	return policy
}

func validPolicy(p engine.Policy) error { return renamed(p.Validate(), "/id", "/slug") }

func targetOf(t Target) engine.Target {
	return engine.Target{Person: rosters.PersonID(t.Person), Roster: rosters.RosterID(t.Roster)}
}

func targetOut(t engine.Target) Target {
	return Target{Person: string(t.Person), Roster: string(t.Roster)}
}

func policyOut(p enginedb.Policy) Policy {
	return Policy{Slug: string(p.ID), Name: p.Name, Team: string(p.Team),
		Levels: mapped(p.Levels, func(l engine.Level) Level {
			return Level{Targets: mapped(l.Targets, targetOut), Wait: Duration(l.Wait)}
		}),
		AckExpiry: AckExpiry{Critical: expiryOut(p.Policy, engine.Critical), Major: expiryOut(p.Policy, engine.Major), Minor: expiryOut(p.Policy, engine.Minor)},
		Version:   p.Version, CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC()}
}

func expiryOut(p engine.Policy, s engine.Severity) *Duration {
	d, ok := p.AckExpiry[s]
	if !ok {
		return nil
	}
	return new(Duration(d))
}

func aboutPolicy(slug string, err error) error { return about("policy "+slug, err) }

// writtenPolicy says which targets are not there, at their places in the body.
func writtenPolicy(p engine.Policy, err error) error {
	missing, ok := errors.AsType[*enginedb.MissingError](err)
	if !ok {
		return aboutPolicy(string(p.ID), err)
	}
	var fields []problem.Field
	for i, l := range p.Levels {
		for j, t := range l.Targets {
			at := fmt.Sprintf("/levels/%d/targets/%d", i, j)
			switch {
			case slices.Contains(missing.People, t.Person):
				fields = append(fields, problem.Field{Pointer: at + "/person", Value: string(t.Person), Detail: "there is no such person"})
			case slices.Contains(missing.Rosters, t.Roster):
				fields = append(fields, problem.Field{Pointer: at + "/roster", Value: string(t.Roster), Detail: "there is no such roster"})
			}
		}
	}
	if len(fields) == 0 { // created in this moment
		return err
	}
	return invalid(fields)
}

func (h handlers) ListPolicies(ctx context.Context, r ListPoliciesRequestObject) (ListPoliciesResponseObject, error) {
	limit := h.limit(r.Params.Limit)
	found, err := h.incidents.Policies(ctx, rosters.TeamID(r.Params.Team), engine.PolicyID(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(p enginedb.Policy) string { return string(p.ID) })
	return ListPolicies200JSONResponse{Items: mapped(found, policyOut), Next: next}, nil
}

func (h handlers) readPolicy(ctx context.Context, slug string) (enginedb.Policy, error) {
	p, err := h.incidents.StoredPolicy(ctx, engine.PolicyID(slug))
	return p, aboutPolicy(slug, err)
}

func (h handlers) CreatePolicy(ctx context.Context, r CreatePolicyRequestObject) (CreatePolicyResponseObject, error) {
	p, err := policyOf(*r.Body, "")
	if err != nil {
		return nil, err
	}
	if err := h.incidents.CreatePolicy(ctx, p); err != nil {
		return nil, writtenPolicy(p, err)
	}
	if err := h.give(ctx, rosterdb.OwnedPolicy, string(p.ID)); err != nil {
		return nil, err
	}
	stored, err := h.readPolicy(ctx, string(p.ID))
	if err != nil {
		return nil, err
	}
	return CreatePolicy201JSONResponse{policyOut(stored), CreatePolicy201ResponseHeaders{etag(stored.Version), "/v1/policies/" + string(p.ID)}}, nil
}

func (h handlers) GetPolicy(ctx context.Context, r GetPolicyRequestObject) (GetPolicyResponseObject, error) {
	p, err := h.readPolicy(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return GetPolicy200JSONResponse{policyOut(p), GetPolicy200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) ReplacePolicy(ctx context.Context, r ReplacePolicyRequestObject) (ReplacePolicyResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := policyOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.UpdatePolicy(ctx, p, version); err != nil {
		if stored, gone := h.readPolicy(ctx, r.Slug); gone == nil && errors.Is(err, enginedb.ErrVersion) {
			return nil, changed("policy "+r.Slug, stored.Version, stored.UpdatedAt, policyOut(stored), *r.Body)
		}
		return nil, writtenPolicy(p, err)
	}
	if err := h.give(ctx, rosterdb.OwnedPolicy, string(p.ID)); err != nil {
		return nil, err
	}
	stored, err := h.readPolicy(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return ReplacePolicy200JSONResponse{policyOut(stored), ReplacePolicy200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeletePolicy(ctx context.Context, r DeletePolicyRequestObject) (DeletePolicyResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	id := engine.PolicyID(r.Slug)
	err = h.incidents.DeletePolicy(ctx, id, version)
	if errors.Is(err, enginedb.ErrInUse) {
		services, err := h.incidents.ServicesWithPolicy(ctx, id)
		if err != nil {
			return nil, err
		}
		reasons := mapped(services, func(s engine.ServiceID) string { return fmt.Sprintf("is the policy of service %s", s) })
		return nil, inUse("policy "+r.Slug, reasons, "Give the service another policy first.")
	}
	if err != nil {
		return nil, aboutPolicy(r.Slug, err)
	}
	return DeletePolicy204Response{}, nil
}
