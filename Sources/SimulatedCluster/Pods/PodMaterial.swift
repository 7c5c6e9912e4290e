import WindlassCore
import WindlassWire

/// What the containers of a pod are started with.
struct PodMaterial: Sendable {
  var environment: ContainerEnvironment
  /// Folders of the volumes, by their names.
  var volumes: [String: String]
  /// The pod's own network; nil where it has that of the machine.
  var network: PodNetwork?

  /// One container, ready to be started.
  struct Start: Sendable {
    var mounts: ContainerMounts
    var command: [String]
    var variables: [(name: String, value: String)]
    var directory: String
    var messageFile: String
    var network: PodNetwork?

    /// What is to be run for a command of the container: the container's own, or a probe's or
    /// hook's before there is a process to join.
    func order(log: String, mark: String) -> ProcessOrder {
      let isApart = mounts.way == .namespace
      return ProcessOrder(
        command: entered(isApart ? mounts.enclosed(command, directory: directory) : command),
        environment: variables, directory: isApart ? "/" : directory, log: log, mark: mark)
    }

    private func entered(_ command: [String]) -> [String] {
      network?.entered(command) ?? command
    }

    /// What is to be run for a command beside a process of the container.
    func order(
      beside process: ContainerProcess, _ command: [String], log: String, mark: String
    ) -> ProcessOrder {
      switch mounts.way {
      case .namespace:
        let words = [
          "/usr/bin/nsenter", "--target", String(process.pid), "--mount", "--root", "--wd", "--",
        ]
        return ProcessOrder(
          command: entered(words + command), environment: variables, directory: "/", log: log,
          mark: mark)
      case .rewriting:
        return ProcessOrder(
          command: entered(mounts.located(command.map(mounts.rewritten))),
          environment: variables, directory: directory, log: log, mark: mark)
      }
    }
  }

  /// Makes a container ready to be started.
  ///
  /// - Throws: what is wrong with it, in the words of a status.
  func start(
    _ container: JSONValue, image: String, folder: String, way: MountWay
  ) throws(StartFailure) -> Start {
    let variables = try environment.variables(of: container)
    let own = "\(folder)/containers/\(container.text("name"))"
    try SmallFiles.makeFolder("\(own)/root")
    let messageFile = "\(own)/termination-log"
    try SmallFiles.write([], to: messageFile, mode: 0o666)
    let mounts = try ContainerMounts(
      container, volumes: volumes, messageFile: messageFile, image: image, root: "\(own)/root",
      way: way)
    let expanded = { (name: String) in
      container.texts(name).map { ContainerEnvironment.expand($0, variables) }
    }
    let program = expanded("command")
    var command = program.isEmpty ? [ImageTable.entryPoint(of: image)] : program
    command += expanded("args")
    let directory = container.text("workingDir")
    let usual = way == .namespace ? "/" : (SmallFiles.isFolder(image) ? image : own)
    return Start(
      mounts: mounts,
      command: way == .namespace
        ? command : mounts.located(command.map(mounts.rewritten)),
      variables: variables.map { ($0.name, mounts.rewritten($0.value)) },
      directory: directory.isEmpty ? usual : mounts.rewritten(directory),
      messageFile: messageFile, network: network)
  }
}
