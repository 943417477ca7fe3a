package temporal

// For the replay of histories.
const TokenWorkflow = tokenWorkflow

var ShareToken = shareToken
