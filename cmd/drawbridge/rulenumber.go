package main

import (
	"context"
	"fmt"

	"drawbridge/shared/bridge"
)

// revisions adds the numbers of the rules in force on both sides; what they say stays on each. And that of a contract that
// waits to be approved here.
func (h *half) revisions(ctx context.Context, v *connectionView) (err error) {
	if v.Rules, err = h.site.CurrentNumber(ctx, v.ID); err != nil {
		return err
	}
	contracts, err := h.site.Contracts(ctx, v.ID)
	if err != nil {
		return err
	}
	if contracts.Theirs.Waiting() {
		v.ToApprove = contracts.Theirs.Latest.Revision
	}
	if h.role == bridge.Private {
		if v.There, err = h.site.TheirNumber(ctx, v.ID); err == nil {
			v.OtherVersion, err = h.site.TheirVersion(ctx, v.ID)
		}
	} else if v.Poller != nil {
		v.There, v.OtherVersion = v.Poller.Rules, v.Poller.Version
	}
	return err
}

func ruleNumber(n int64) string {
	if n == 0 {
		return "default"
	}
	return fmt.Sprint(n)
}
