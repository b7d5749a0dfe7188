// Command ingest is the Lambda function that takes Jira's webhooks.
package main

import "drawbridge/functions/wire"

func main() {
	wire.Start(func(hub *wire.Hub) (any, error) {
		h, err := hub.Ingest()
		return wire.HTTP(h), err
	})
}
