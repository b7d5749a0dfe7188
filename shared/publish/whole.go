package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"drawbridge/shared/jira"
)

// whole reads an issue with its whole changelog, all its comments and all its worklogs.
func (f *Flow) whole(ctx context.Context, issue string) (*jira.Issue, error) {
	is, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Histories: true, Comments: true})
	if err != nil {
		return nil, err
	}
	if !is.AllHistories {
		is.Histories = nil
		err := f.Site.Jira.Histories(ctx, is.ID, func(h jira.History) error {
			is.Histories = append(is.Histories, h)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !is.AllComments {
		if is.Comments, err = f.Site.Jira.ListComments(ctx, is.ID); err != nil {
			return nil, err
		}
		is.AllComments = true
	}
	if len(is.Worklogs) > 0 && !is.AllWorklogs {
		if is.Worklogs, err = f.Site.Jira.ListWorklogs(ctx, is.ID); err != nil {
			return nil, err
		}
		is.AllWorklogs = true
	}
	return is, nil
}

// digest reads the content of a file and keeps its hash only.
func (f *Flow) digest(ctx context.Context, a jira.Attachment) (string, error) {
	r, err := f.Site.Jira.Download(ctx, a)
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
