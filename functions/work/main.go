// Command work is the Lambda function that consumes the queues: it publishes
// what happened in Jira and applies what came from the private site.
package main

import "drawbridge/functions/wire"

func main() {
	wire.Start(func(hub *wire.Hub) (any, error) {
		pool, err := hub.Work()
		if err != nil {
			return nil, err
		}
		return wire.Batch(hub.Queue, pool), nil
	})
}
