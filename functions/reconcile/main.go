// Command reconcile is the Lambda function that the schedules start: "due"
// brings parked pairs back, "watch" finds what webhooks missed, "sweep"
// compares all pairs with Jira, "health" writes what the alarms look at.
package main

import (
	"context"
	"fmt"

	"drawbridge/functions/wire"
)

// event is the input of a schedule.
type event struct {
	Job string `json:"job"`
}

func main() {
	wire.Start(func(hub *wire.Hub) (any, error) {
		jobs, err := hub.Reconcile()
		return func(ctx context.Context, e event) error {
			job, ok := jobs[e.Job]
			if !ok {
				return fmt.Errorf("no job %q", e.Job)
			}
			return job(ctx)
		}, err
	})
}
