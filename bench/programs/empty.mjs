// What starting and ending node itself costs.
