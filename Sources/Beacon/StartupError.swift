/// Why Beacon did not start: one paragraph that names the object and what to do.
struct StartupError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
