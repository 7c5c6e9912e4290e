import Glibc
import KubernetesFleet

/// Writes the definitions of custom resources into a folder.
@main enum Main {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard let folder = arguments.first, arguments.count == 1, !folder.hasPrefix("-") else {
      fail("crds: give the folder to write to. Example: crds deploy/crds", 2)
    }
    for definition in ResourceDefinition.all {
      let path = "\(folder)/\(definition.name).yaml"
      do {
        try write(try definition.yaml(), to: path)
        print("crds: wrote \(path)")
      } catch {
        fail("crds: \(path) can't be written: \(error)", 1)
      }
    }
  }

  private struct WriteError: Error, CustomStringConvertible {
    let description: String
  }

  private static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw failure() }
    let isWritten = fputs(text, file) >= 0
    guard fclose(file) == 0, isWritten else { throw failure() }
  }

  private static func failure() -> WriteError {
    WriteError(description: String(cString: strerror(errno)))
  }

  private static func fail(_ message: String, _ status: Int32) -> Never {
    let line = Array((message + "\n").utf8)
    _ = Glibc.write(STDERR_FILENO, line, line.count)
    exit(status)
  }
}
