package rest

import (
	"context"
	"fmt"
	"strings"

	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func feedOut(f rosterdb.Feed) Feed {
	return Feed{ID: f.ID, CreatedAt: f.CreatedAt.UTC(), UsedAt: utc(f.UsedAt)}
}

// newFeedOut is the one answer that the address stands in.
func (h handlers) newFeedOut(secret string, f rosterdb.Feed) NewFeed {
	return NewFeed{ID: f.ID, CreatedAt: f.CreatedAt.UTC(), URL: strings.TrimSuffix(h.publicURL, "/") + "/calendar/" + secret + ".ics"}
}

func (h handlers) ListRosterFeeds(ctx context.Context, r ListRosterFeedsRequestObject) (ListRosterFeedsResponseObject, error) {
	if _, err := h.readRoster(ctx, r.Slug); err != nil {
		return nil, err
	}
	found, err := h.rosters.Feeds(ctx, rosters.RosterID(r.Slug), "")
	if err != nil {
		return nil, err
	}
	return ListRosterFeeds200JSONResponse{Items: mapped(found, feedOut)}, nil
}

func (h handlers) CreateRosterFeed(ctx context.Context, r CreateRosterFeedRequestObject) (CreateRosterFeedResponseObject, error) {
	secret, f, err := h.rosters.CreateFeed(ctx, rosters.RosterID(r.Slug), "")
	if err != nil {
		return nil, aboutRoster(r.Slug, err)
	}
	return CreateRosterFeed201JSONResponse(h.newFeedOut(secret, f)), nil
}

func (h handlers) DeleteRosterFeed(ctx context.Context, r DeleteRosterFeedRequestObject) (DeleteRosterFeedResponseObject, error) {
	if err := h.rosters.DeleteFeed(ctx, rosters.RosterID(r.Slug), "", r.ID); err != nil {
		return nil, about(fmt.Sprintf("feed %d of roster %s", r.ID, r.Slug), err)
	}
	return DeleteRosterFeed204Response{}, nil
}

func (h handlers) ListPersonFeeds(ctx context.Context, r ListPersonFeedsRequestObject) (ListPersonFeedsResponseObject, error) {
	if _, err := h.readPerson(ctx, r.Handle); err != nil {
		return nil, err
	}
	found, err := h.rosters.Feeds(ctx, "", rosters.PersonID(r.Handle))
	if err != nil {
		return nil, err
	}
	return ListPersonFeeds200JSONResponse{Items: mapped(found, feedOut)}, nil
}

func (h handlers) CreatePersonFeed(ctx context.Context, r CreatePersonFeedRequestObject) (CreatePersonFeedResponseObject, error) {
	secret, f, err := h.rosters.CreateFeed(ctx, "", rosters.PersonID(r.Handle))
	if err != nil {
		return nil, aboutPerson(r.Handle, err)
	}
	return CreatePersonFeed201JSONResponse(h.newFeedOut(secret, f)), nil
}

func (h handlers) DeletePersonFeed(ctx context.Context, r DeletePersonFeedRequestObject) (DeletePersonFeedResponseObject, error) {
	if err := h.rosters.DeleteFeed(ctx, "", rosters.PersonID(r.Handle), r.ID); err != nil {
		return nil, about(fmt.Sprintf("feed %d of %s", r.ID, r.Handle), err)
	}
	return DeletePersonFeed204Response{}, nil
}
