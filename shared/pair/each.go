package pair

import "context"

const eachPage = 500

// Each visits every pair of a connection in the listing, in order of issue id, until visit fails.
func (b *Book) Each(ctx context.Context, connection string, visit func(Line) error) error {
	after := ""
	for {
		lines, err := b.List(ctx, connection, after, eachPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := visit(l); err != nil {
				return err
			}
			after = l.Issue
		}
		if len(lines) < eachPage {
			return nil
		}
	}
}
