/// Everything that the demo's view shows at one moment.
struct DemoScene: Hashable, Sendable {
  /// How far a story is.
  enum Progress: Hashable, Sendable {
    case waiting, current
    case ended(StoryResult)
  }

  /// A story with its progress.
  struct Line: Hashable, Sendable {
    var title: String
    var progress: Progress
  }

  /// What is going on, in a few words.
  var act: String
  var seconds: Int64
  var stories: [Line]
  /// The service that the current story is about.
  var status: ServiceStatus?
  var load: LoadTally
  /// Requests in the last second.
  var rate: Int
}
