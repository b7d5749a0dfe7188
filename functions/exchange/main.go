// Command exchange is the Lambda function that answers pollers.
package main

import "drawbridge/functions/wire"

func main() {
	wire.Start(func(hub *wire.Hub) (any, error) {
		h, err := hub.Exchange()
		return wire.HTTP(h), err
	})
}
